mod coming_back;
mod convergence;
mod entering;
mod hostile;
mod membership;
mod saving;
mod vectors;
mod world;
